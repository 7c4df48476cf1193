/** Servers in containers, for machines that have Docker. */
import type { GenericContainer, StartedTestContainer } from 'testcontainers';

const REDIS_IMAGE = 'redis:7.4-alpine';
const VICTORIA_METRICS_IMAGE = 'victoriametrics/victoria-metrics:v1.147.0';

export interface Contained {
  url: string;
  image: string;
  stop(): Promise<void>;
}

/** The library is slow to load, so it is loaded only when nothing else was given. `undefined` where no container can be run. */
async function containers(): Promise<typeof GenericContainer | undefined> {
  const library = await import('testcontainers');
  try {
    await library.getContainerRuntimeClient();
  } catch {
    return undefined; // it throws when there is no daemon, which is an answer
  }
  return library.GenericContainer;
}

function contained(container: StartedTestContainer, image: string, protocol: string, port: number): Contained {
  const stop = async (): Promise<void> => void (await container.stop());
  return { url: `${protocol}://${container.getHost()}:${container.getMappedPort(port)}`, image, stop };
}

export async function redisInDocker(appendfsync: 'always' | 'everysec'): Promise<Contained | undefined> {
  const Container = await containers();
  if (Container === undefined) return undefined;
  const command = ['redis-server', '--appendonly', 'yes', '--appendfsync', appendfsync, '--save', '', '--maxmemory-policy', 'noeviction'];
  return contained(await new Container(REDIS_IMAGE).withCommand(command).withExposedPorts(6379).start(), REDIS_IMAGE, 'redis', 6379);
}

export async function victoriaMetricsInDocker(retention: string, flags: readonly string[]): Promise<Contained | undefined> {
  const Container = await containers();
  if (Container === undefined) return undefined;
  const { Wait } = await import('testcontainers');
  const container = await new Container(VICTORIA_METRICS_IMAGE)
    .withCommand([`-retentionPeriod=${retention}`, ...flags])
    .withExposedPorts(8428)
    .withWaitStrategy(Wait.forHttp('/health', 8428))
    .start();
  return contained(container, VICTORIA_METRICS_IMAGE, 'http', 8428);
}
