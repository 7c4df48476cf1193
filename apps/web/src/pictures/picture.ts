/** What a kind's own picture of an operation is made from. */
import type { Content } from '../vendor/preact.js';
import type { DoneRecord, GuardRecord, OperationHeader, Report, Shown, StoredPlan, TaskView } from '../wire.ts';

export interface PictureProps {
  header: OperationHeader;
  /** Its `data` is the kind's own: read it as something that may be older than this code. */
  plan: StoredPlan;
  /** Live tasks, with what they say of their progress. */
  tasks: readonly TaskView[];
  guards: readonly GuardRecord[];
  /** Tasks that have ended, with their outputs; not the units of bulk stages. */
  done: readonly DoneRecord[];
  /** Rows, columns, notes; absent until it was asked for once. */
  report: Report | undefined;
  /** What its tasks show (`context.show`) by name, and numbers over time (`context.sample`); empty until it was asked for once. */
  shown: Shown;
  /** False while it is only planned: what is drawn then is what would be. */
  started: boolean;
  /** Nothing of it changes any more. */
  over: boolean;
}

export interface Picture {
  /** A kind, `vitess.reshard`, or the beginning of several, `vitess.`; of two that fit the longer one counts. */
  kinds: string;
  /** One card or several, or null where there is nothing to draw. Called about once a second: keep it pure, and memo what is large. */
  draw(props: PictureProps): Content;
}
