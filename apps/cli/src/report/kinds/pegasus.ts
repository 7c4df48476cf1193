/** Tables of Pegasus's plans and reports. */
import type { KindView } from '../view.ts';

export const pegasusView: KindView = { kinds: 'pegasus.' };
