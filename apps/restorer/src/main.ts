import { runRole } from '@longshore/host';
import { tsdb } from '@longshore/tsdb';

await runRole('restorer', [tsdb]);
