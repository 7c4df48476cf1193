/** Tables of Vitess's plans and reports. */
import type { KindView } from '../view.ts';

export const vitessView: KindView = { kinds: 'vitess.' };
