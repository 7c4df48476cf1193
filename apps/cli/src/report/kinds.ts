/** Which kinds say more about their plans and reports. A new system adds its file in `kinds/` and a line here. */
import { openioView } from './kinds/openio.ts';
import { openmldbView } from './kinds/openmldb.ts';
import { pegasusView } from './kinds/pegasus.ts';
import { tsdbView } from './kinds/tsdb.ts';
import { vitessView } from './kinds/vitess.ts';
import type { KindView } from './view.ts';

const VIEWS: readonly KindView[] = [tsdbView, pegasusView, openmldbView, vitessView, openioView];

/** Undefined for a kind that has nothing of its own to say. */
export function viewOf(kind: string): KindView | undefined {
  return VIEWS.filter(({ kinds }) => kind.startsWith(kinds)).sort((a, b) => b.kinds.length - a.kinds.length)[0];
}
