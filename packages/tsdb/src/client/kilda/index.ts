/** The door of the kilda tools' formats: folders, rows, put bodies. */

export { DumpFile, EarlierRows, fileLines, frameOf, lineEndsAt, lineText, rowIn, setAside, survey } from './dump-file.ts';
export { FolderTrouble, PutBusy, PutRefused } from './errors.ts';
export type { FileForm, KildaFolder } from './folder.ts';
export { fileName, kildaFolder } from './folder.ts';
export type { Frames } from './frame-rows.ts';
export { FrameRows } from './frame-rows.ts';
export { putBody, putObject } from './put-body.ts';
export { parseRow } from './rows.ts';
