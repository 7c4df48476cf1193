/** A request with its outcome, a cut connection included. */
export interface Outcome {
  status: number | 'cut';
  headers: Headers;
  body: string;
}

export async function ask(url: string, init: RequestInit = {}): Promise<Outcome> {
  let headers = new Headers();
  try {
    const response = await fetch(url, init);
    headers = response.headers;
    return { status: response.status, headers, body: await response.text() };
  } catch (error) {
    if (error instanceof TypeError) return { status: 'cut', headers, body: '' };
    throw error;
  }
}

export function importLine(metric: string, values: number[], firstMs = 1_678_233_600_000): string {
  const times = values.map((_, at) => firstMs + at * 1000);
  return `{"metric":{"__name__":"${metric}"},"values":[${values.join(',')}],"timestamps":[${times.join(',')}]}\n`;
}
