/** Services with their bases. */
import type { Picture } from './picture.ts';

export const openioPicture: Picture = { kinds: 'openio.', draw: () => null };
