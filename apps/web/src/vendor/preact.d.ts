/** What the dashboard uses of Preact, its hooks and htm, which come as one file. */
export interface View {
  readonly type: unknown;
  readonly props: object;
}
/** What may stand between two tags. */
export type Content = View | string | number | boolean | null | undefined | readonly Content[];

export abstract class Component<P = object, S = object> {
  constructor(props: P);
  readonly props: Readonly<P>;
  state: Readonly<S>;
  setState(next: Partial<S>): void;
  componentDidCatch?(error: unknown): void;
  shouldComponentUpdate?(next: Readonly<P>, state: Readonly<S>): boolean;
  abstract render(): Content;
}

export function h(type: string | ((props: never) => Content), props: object | null, ...children: Content[]): View;
export function html(strings: TemplateStringsArray, ...values: unknown[]): View;
export function render(view: View, parent: Element): void;
export function useState<T>(first: T | (() => T)): [T, (next: T | ((before: T) => T)) => void];
export function useEffect(effect: () => unknown, inputs?: readonly unknown[]): void;
export function useRef<T>(first: T): { current: T };
export function useMemo<T>(make: () => T, inputs: readonly unknown[]): T;
