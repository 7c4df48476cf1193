/** A picture that cannot be drawn, of a plan made by another version say, must not take the page with it. */
import { Card } from '../parts/small.ts';
import { Component, type Content, html } from '../vendor/preact.js';

interface BoundaryProps {
  name: string;
  children?: Content;
}

export class Boundary extends Component<BoundaryProps, { error?: string }> {
  override componentDidCatch(error: unknown): void {
    this.setState({ error: error instanceof Error ? error.message : String(error) });
  }
  override render(): Content {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    return html`<${Card} title="The picture cannot be drawn" name=${this.props.name}>
      <p class="soft">Everything else on this page holds. ${error}</p>
    </${Card}>`;
  }
}
