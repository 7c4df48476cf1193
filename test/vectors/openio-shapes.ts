/** The shapes of recorded OpenIO cases. A file of another shape is refused. */
import { z } from 'zod';

const json = z.unknown();
const hosts = z.array(z.string());

export const RequestStep = z.strictObject({
  request: z.strictObject({ proxy: z.string(), method: z.enum(['GET', 'POST']), path: z.string(), body: json }),
  reply: z.strictObject({ status: z.int(), json }),
  note: z.string().optional(),
});
export const ActionStep = z.looseObject({ action: z.string(), note: z.string().optional() });
export const FilesStep = z.strictObject({
  files: z.string(),
  admin: z.record(z.string(), z.record(z.string(), z.string())),
  note: z.string().optional(),
});

export const Scenario = z.strictObject({
  name: z.string(),
  title: z.string(),
  origin: z.enum(['measured', 'original', 'derived', 'seed']),
  account: z.string(),
  container: z.string(),
  cid: z.string().regex(/^[0-9A-F]{64}$/),
  old: hosts.min(1),
  free: hosts,
  new: hosts.optional(),
  removed: z.string().optional(),
  steps: z.array(z.union([RequestStep, FilesStep, ActionStep])).min(1),
  expect: z.looseObject({ checkB: z.enum(['pass', 'fail']).optional() }),
  note: z.string().optional(),
});

const Status = z.strictObject({ status: z.int(), message: z.string() });
export const PeerReply = z.strictObject({ status: Status, body: json });

export const Checks = z.strictObject({
  name: z.string(),
  title: z.string(),
  origin: z.string(),
  hash: z
    .array(
      z.strictObject({
        account: z.string(),
        container: z.string(),
        seq: z.int(),
        type: z.string(),
        cid: z.string(),
        base: z.string(),
        zk: z.string(),
        relative_path: z.string(),
      }),
    )
    .optional(),
  checks: z
    .array(
      z.strictObject({
        input: z.record(z.string(), PeerReply),
        old: hosts,
        new: hosts,
        checkA: z.enum(['pass', 'fail']).optional(),
        checkB: z.enum(['pass', 'fail']),
        reasons: z.array(z.string()).optional(),
        master: z.string().optional(),
        slaves: hosts.optional(),
        synced: hosts.optional(),
      }),
    )
    .optional(),
  note: z.string().optional(),
});

export const Balance = z.strictObject({
  name: z.string(),
  title: z.string(),
  origin: z.string(),
  services: z.array(
    z.strictObject({
      id: z.string(),
      loc: z.string(),
      score: z.number(),
      up: z.boolean(),
      bases: z.int(),
    }),
  ),
  containers: z.int(),
  each_on: hosts,
  target: z.record(z.string(), z.int()),
  moves: z.int(),
  moves_by_source: z.record(z.string(), z.int()).optional(),
  moves_to: z.record(z.string(), z.int()).optional(),
  note: z.string().optional(),
});

const Pair = z.union([
  z.looseObject({ a: z.string(), b: z.string(), distance: z.int() }).transform(({ a, b, distance }) => ({ a, b, distance })),
  z.tuple([z.string(), z.string(), z.int()]).transform(([a, b, distance]) => ({ a, b, distance })),
]);
/** Distances of locations, under whatever name the file keeps its pairs. */
export const Distances = z
  .looseObject({ name: z.string(), title: z.string(), origin: z.string() })
  .transform((all) => Object.values(all).filter((value) => Array.isArray(value)))
  .pipe(z.array(z.array(Pair)).length(1))
  .transform(([pairs]) => pairs!);

export type Scenario = z.infer<typeof Scenario>;
export type RequestStep = z.infer<typeof RequestStep>;
export type FilesStep = z.infer<typeof FilesStep>;
export type Step = Scenario['steps'][number];
