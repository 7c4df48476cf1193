/**
 * Which kind is drawn how, above its stages: those every operation has. A new system adds its file here and a line below; without one
 * a bulk stage is drawn as a grid of its units.
 */
import { type Content, html } from '../vendor/preact.js';
import { Boundary } from './boundary.ts';
import { drawBulk } from './bulk.ts';
import { openioPicture } from './openio.ts';
import { openmldbPicture } from './openmldb.ts';
import { pegasusPicture } from './pegasus.ts';
import type { Picture, PictureProps } from './picture.ts';
import { followPicture, tsdbPicture } from './tsdb.ts';
import { vitessPicture } from './vitess.ts';

const PICTURES: readonly Picture[] = [tsdbPicture, followPicture, pegasusPicture, openmldbPicture, vitessPicture, openioPicture];

export function pictureOf(kind: string): Picture | undefined {
  return PICTURES.filter(({ kinds }) => kind.startsWith(kinds)).sort((a, b) => b.kinds.length - a.kinds.length)[0];
}

export function KindPicture(props: PictureProps): Content {
  return html`<${Boundary} name="picture"><${Drawn} ...${props} /></${Boundary}>`;
}

function Drawn(props: PictureProps): Content {
  return (pictureOf(props.header.kind)?.draw ?? drawBulk)(props);
}
