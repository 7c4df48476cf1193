/** Tables of OpenIO's plans and reports: bases by service. */
import type { Json } from '@longshore/core';
import type { KindView } from '../view.ts';

const SUCCESS: Readonly<Record<string, string>> = {
  'openio.move-base': 'meta1, peers, election, versions and files say the same on every service, and nothing of the old replica is left.',
  'openio.rebalance': 'every base that was to be moved has been, and each container has been looked at on every service.',
  'openio.decommission': 'every base that was to be moved has been, and each container has been looked at on every service.',
  'openio.check': 'nothing disagrees.',
  'openio.repair': 'nothing is left that a program may mend.',
};

type Fields = { [key: string]: Json };
const fields = (value: Json | undefined): Fields => (typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {});
const shown = (value: Json | undefined): string => (typeof value === 'number' || typeof value === 'string' ? String(value) : '');

export const openioView: KindView = {
  kinds: 'openio.',
  rowName: 'container',
  success: (kind) => SUCCESS[kind],
  planTables: ({ data }) => {
    const { bars } = fields(data);
    if (!Array.isArray(bars)) return [];
    const rows = bars.map((bar) => ['service', 'before', 'target', 'after'].map((key) => shown(fields(bar)[key])));
    return [{ title: 'Bases by service', heads: ['service', 'before', 'share', 'after'], rows, numbers: [1, 2, 3] }];
  },
  afterCancel: 'The same command again does what is left.',
};
