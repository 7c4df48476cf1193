/** Parameters of the kinds, as the API takes them. */
import { z } from 'zod';
import { ContainerId } from './names.ts';
import { parseConstraint } from './plan/locations.ts';

const ProxyName: z.ZodType<string> = z
  .string()
  .min(1)
  // Parameters are stored and shown.
  .refine((given) => !/^[a-z]+:\/\/[^/?#]*@/i.test(given), 'an address must not hold credentials')
  .meta({ target: 'openio' });
const name = z.string().min(1).max(255);
/** As meta1 has it: `host:port`, or the id of a service that has one. No shell ever sees it. */
export const ServiceId: z.ZodType<string> = z
  .string()
  .regex(/^[\w.-]+(:\d+)?$/, 'a service is named as meta1 does: host:port, or its id')
  .describe('a meta2 service as meta1 lists it: host:port, or its id');

/** Which namespace, and all proxies that clients use. */
export interface Where {
  proxies: string[];
  namespace?: string | undefined;
}
export const where: { proxies: z.ZodType<string[]>; namespace: z.ZodOptional<z.ZodString> } = {
  proxies: z
    .array(ProxyName)
    .min(1)
    .max(64)
    .refine((all) => new Set(all).size === all.length, 'a proxy is named twice')
    .describe('oio-proxies, all that clients use: the first is asked, each forgets its locations when a base has moved'),
  namespace: name.optional().describe('namespace they are of; absent: as the settings of the first say'),
};

/** Rules for where replicas may be. */
export interface Placement {
  replicas: number;
  location?: string | undefined;
  minDistance: number;
}
export const placement: { replicas: z.ZodType<number>; location: z.ZodOptional<z.ZodString>; minDistance: z.ZodType<number> } = {
  replicas: z.int().min(1).max(9).default(3).describe('replicas a container of this namespace has'),
  location: z
    .string()
    .refine((text) => parseConstraint(text) !== undefined, 'it is like 3.3.2.1: most replicas in a data centre, rack, server, disk')
    .optional()
    .describe('strict_location_constraint of the pool, such as 3.3.2.1; absent: no two on one disk'),
  minDistance: z.int().min(1).max(4).default(1).describe('min_dist of the pool'),
};

const pauseMs = z.int().min(0).max(3_600_000).default(0).describe('how long each step is drawn out, ms; to watch it');

export interface MoveParams extends Where, Placement {
  account?: string | undefined;
  container?: string | undefined;
  cid?: string | undefined;
  from: string;
  to?: string | undefined;
  mode: 'native' | 'manual';
  maxFrozenMs: number;
  backup?: string | undefined;
  rdir?: string | undefined;
  pauseMs: number;
}
export const MoveParams: z.ZodType<MoveParams> = z
  .strictObject({
    ...where,
    account: name.optional(),
    container: name.optional(),
    cid: ContainerId.optional().describe('in place of account and container'),
    from: ServiceId,
    to: ServiceId.optional().describe('absent: the fittest by score and location'),
    mode: z
      .enum(['native', 'manual'])
      .default('native')
      .describe('native: through the services, online; manual: files are edited, for a container without a master, too'),
    ...placement,
    maxFrozenMs: z.int().min(1_000).max(3_600_000).default(300_000).describe('manual: frozen for no longer than this, ms'),
    backup: z
      .string()
      .regex(/^\/[\w./-]*$/, 'an absolute path of letters, digits, _ . / -')
      .optional()
      .describe('manual: directory for backups, on each host; absent: beside the volume'),
    rdir: z.url().optional().describe('address of the rdir, to be told that the base has left'),
    pauseMs,
  })
  .refine(
    ({ cid, account, container }) => (cid === undefined) === (account !== undefined && container !== undefined),
    'a container is named by account and container, or by cid',
  );

export interface InventoryParams {
  inventory: 'files' | 'rdir';
  rdir?: string | undefined;
  containers?: string[] | undefined;
}
const inventory: {
  inventory: z.ZodType<'files' | 'rdir'>;
  rdir: z.ZodOptional<z.ZodURL>;
  containers: z.ZodOptional<z.ZodArray<z.ZodString>>;
} = {
  inventory: z
    .enum(['files', 'rdir'])
    .default('files')
    .describe('where the bases of the services are listed: the volumes themselves, or an rdir'),
  rdir: z.url().optional().describe('address of the rdir: to list bases with it, and to be told which have left'),
  containers: z
    .array(z.string().regex(/^[^/]+\/.+$|^[0-9A-F]{64}$/, 'a container is ACCOUNT/NAME or its id'))
    .min(1)
    .max(100_000)
    .optional()
    .describe('only these: ACCOUNT/NAME, or ids; in place of an inventory'),
};

export interface MovesParams extends Where, Placement, InventoryParams {
  concurrency: number;
  perService: number;
  pauseMs: number;
}
const moves: { concurrency: z.ZodType<number>; perService: z.ZodType<number>; pauseMs: z.ZodType<number> } = {
  concurrency: z.int().min(1).max(64).default(4).describe('moves at a time'),
  perService: z.int().min(1).max(64).default(1).describe('moves at a time from one service, and to one'),
  pauseMs,
};

export interface RebalanceParams extends MovesParams {
  from?: string[] | undefined;
  tolerancePercent: number;
  maxMoves?: number | undefined;
}
export const RebalanceParams: z.ZodType<RebalanceParams> = z.strictObject({
  ...where,
  from: z.array(ServiceId).min(1).optional().describe('only these may lose bases; absent: any'),
  tolerancePercent: z
    .int()
    .min(0)
    .max(100)
    .default(5)
    .describe('a surplus up to so many percent of what a service should have is left alone'),
  maxMoves: z.int().positive().optional().describe('no more moves than this; the same again later does the rest'),
  ...inventory,
  ...placement,
  ...moves,
});

export interface DecommissionParams extends MovesParams {
  from: string;
  keepPercent: number;
}
export const DecommissionParams: z.ZodType<DecommissionParams> = z.strictObject({
  ...where,
  from: ServiceId,
  keepPercent: z.int().min(0).max(99).default(0).describe('so many percent of its bases may stay'),
  ...inventory,
  ...placement,
  ...moves,
});

export interface CheckParams extends Where, InventoryParams {
  concurrency: number;
}
export const CheckParams: z.ZodType<CheckParams> = z.strictObject({
  ...where,
  ...inventory,
  concurrency: z.int().min(1).max(64).default(8).describe('groups of containers looked at at a time'),
});

export interface RepairParams extends Where, InventoryParams {
  enable: boolean;
  concurrency: number;
}
export const RepairParams: z.ZodType<RepairParams> = z.strictObject({
  ...where,
  ...inventory,
  enable: z.boolean().default(false).describe('also enable containers that somebody has frozen or disabled'),
  concurrency: z.int().min(1).max(16).default(2).describe('containers at a time'),
});
