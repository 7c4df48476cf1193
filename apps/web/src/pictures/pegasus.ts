/** Partitions by node. */
import type { Picture } from './picture.ts';

export const pegasusPicture: Picture = { kinds: 'pegasus.', draw: () => null };
