import { counter } from '@longshore/counter';
import { runRole } from '@longshore/host';

await runRole('rebalancer', [counter]);
