/** A part that is drawn again only when something given to it is another. */
import { Component, type Content, html } from '../vendor/preact.js';

export function memo<P extends object>(draw: (props: P) => Content, same: (before: P, now: P) => boolean = shallow): Drawn<P> {
  return class extends Component<P> {
    override shouldComponentUpdate(next: Readonly<P>): boolean {
      return !same(this.props, next);
    }
    override render(): Content {
      return draw(this.props);
    }
  };
}

/** The same of a part with a state of its own. */
export function kept<P extends object>(part: (props: P) => Content): Drawn<P> {
  return memo<P>((props) => html`<${part} ...${props} />`);
}

export type Drawn<P extends object> = new (props: P) => Component<P>;

function shallow<P extends object>(before: P, now: P): boolean {
  const keys = Object.keys(now) as (keyof P)[];
  return keys.length === Object.keys(before).length && keys.every((key) => before[key] === now[key]);
}
