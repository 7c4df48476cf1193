import { counter } from '@longshore/counter';
import { runRole } from '@longshore/host';
import { openmldb } from '@longshore/openmldb';
import { pegasus } from '@longshore/pegasus';
import { vitess } from '@longshore/vitess';

await runRole('migrator', [pegasus, openmldb, vitess, counter]);
