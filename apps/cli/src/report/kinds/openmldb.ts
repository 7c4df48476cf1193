/** Tables of OpenMLDB's plans and reports. */
import type { KindView } from '../view.ts';

export const openmldbView: KindView = { kinds: 'openmldb.' };
