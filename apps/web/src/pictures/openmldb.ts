/** Replicas by tablet. */
import type { Picture } from './picture.ts';

export const openmldbPicture: Picture = { kinds: 'openmldb.', draw: () => null };
