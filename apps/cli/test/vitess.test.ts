/** `longshore vitess …` and `automation_client` as they are typed wrongly: one sentence, an exit code, and nothing is asked of any fleet. */
import { EXIT } from '@longshore/core';
import { describe, expect, test } from 'vitest';
import { command } from '../../../test/support/command.ts';

describe('wrong usage is one sentence', () => {
  test.each([
    ['reshard', 'The flags --cluster, --keyspace, --source-shards and --target-shards are missing.'],
    ['reshard --cluster vt --keyspace k --source-shards -', 'The flag --target-shards is missing.'],
    ['move-tables --cluster vt', 'The flags --source-keyspace and --target-keyspace are missing.'],
    ['status --keyspace k', 'The flag --cluster is missing.'],
    [
      'vertical-split --tables t --source_keyspace s',
      'The flags --dest_keyspace, --shard_list, --vtctld_endpoint and --vtworker_endpoint are missing.',
    ],
    ['horizontal-resharding --concurrency 0', "'--concurrency <n>' argument '0' is invalid. It must be a whole number from 1 to 64."],
    ['horizontal-resharding --min_healthy_rdonly_tablets few', "argument 'few' is invalid. It must be a whole number"],
    ['reshard --load lag', "argument 'lag' is invalid. It must be a metric with its limit, such as lag=5, or off."],
    ['reshard --load lag=0', "argument 'lag=0' is invalid."],
    ['reshard --watch-for soon', "argument 'soon' is invalid. It must be a duration such as 90s, 10m, 2h or 1d."],
    ['status --cluster Nowhere', '--cluster Nowhere: it is neither a name nor an address such as grpc://host:port.'],
    ['status --cluster grpc://me:hunter2@a:1', 'an address here must not hold a password'],
    ['reshard --vtgates ,', 'It must be one name, or several with commas.'],
  ])('%s', async (line, sentence) => {
    const { code, out, err } = await command('vitess', ...line.split(' '));
    expect([code, out, err]).toEqual([EXIT.usage, '', expect.stringContaining(sentence)]);
    expect(err).not.toContain('hunter2');
  });
});

describe('automation_client ends with the codes of the original', () => {
  test.each([
    [1, [], 'No task specified using --task.'],
    [2, ['--task', 'X'], 'No server specified using --server.'],
    [3, ['--task', 'X', '--server', '127.0.0.1:1'], 'Cannot create connection: rpc error: code = Unavailable desc = connect ECONNREFUSED'],
    [2, ['--task', 'X', '--param', 'keyspace'], "no key specified: 'keyspace' Expected format: key=value"],
    [2, ['--task', 'X', '--server', 'here'], 'The automation has the address here, which is no gRPC address.'],
  ])('%i: %j', async (code, args, sentence) => {
    const run = await command('automation_client', ...args);
    expect([run.code, run.err]).toEqual([code, expect.stringContaining(sentence)]);
  });
});
