/** Takes one job and holds it for ever: `node holding-worker.ts <redis url> <fleet>`. Tells its parent `taken`, and `lost` on abort. */
import { bullTransport } from '@longshore/fleet';
import { silentLog } from '@longshore/host';

const [url = '', fleet = ''] = process.argv.slice(2);
bullTransport({ url, fleet }, silentLog, { lockMs: 1_000 }).consume('q', 1, ({ signal }) => {
  signal.addEventListener('abort', () => process.send!('lost'));
  process.send!('taken');
  return Promise.withResolvers<'done'>().promise;
});
