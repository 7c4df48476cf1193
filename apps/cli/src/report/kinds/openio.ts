/** Tables of OpenIO's plans and reports. */
import type { KindView } from '../view.ts';

export const openioView: KindView = { kinds: 'openio.' };
