import { counter } from '@longshore/counter';
import { runRole } from '@longshore/host';
import { openio } from '@longshore/openio';
import { openmldb } from '@longshore/openmldb';

await runRole('rebalancer', [openmldb, openio, counter]);
