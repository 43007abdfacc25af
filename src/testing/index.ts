export type { EngineName, EngineObject } from '../engine/engine.js';
export type { DatagramPeer, ReceivedDatagram } from './datagram-peer.js';
export type { Peer, WriteOptions } from './peer.js';
export type { PathPlace, Place, PortPlace } from './place.js';
export { type PeerListener, type PeerOptions, TestNetwork, type TestNetworkOptions } from './test-network.js';
