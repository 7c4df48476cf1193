import { counter } from '@longshore/counter';
import { runRole } from '@longshore/host';
import { openio } from '@longshore/openio';
import { openmldb } from '@longshore/openmldb';
import { pegasus } from '@longshore/pegasus';
import { tsdb } from '@longshore/tsdb';
import { vitess } from '@longshore/vitess';

await runRole('scheduler', [tsdb, pegasus, openmldb, openio, vitess, counter]);
