/** Shards before and after. */
import type { Picture } from './picture.ts';

export const vitessPicture: Picture = { kinds: 'vitess.', draw: () => null };
