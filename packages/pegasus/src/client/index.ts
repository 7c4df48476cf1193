export type { ServerNode } from './cluster.ts';
export { PegasusCluster, pegasusCluster } from './cluster.ts';
export { decodeReply, type Envelope, encodeRequest, encodeRequestV1 } from './frame.ts';
export { RPCS } from './messages.ts';
export { ACTION_MS } from './metas.ts';
export type { PegasusNode } from './node.ts';
export type { Codec, Shape } from './thrift.ts';
