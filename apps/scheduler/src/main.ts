import { counter } from '@longshore/counter';
import { runRole } from '@longshore/host';
import { tsdb } from '@longshore/tsdb';

await runRole('scheduler', [tsdb, counter]);
