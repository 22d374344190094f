'use strict'

// Errors of a transport.

const { failure } = require('../errors')

class AddressInUse extends failure('ADDRESS_IN_USE', 'FAILED_PRECONDITION') {}
class UnknownPeer extends failure('UNKNOWN_PEER', 'NOT_FOUND') {}
class PeerUnreachable extends failure('PEER_UNREACHABLE', 'UNAVAILABLE') {}
class SnapshotRefused extends failure('SNAPSHOT_REFUSED', 'ABORTED') {}

module.exports = { AddressInUse, PeerUnreachable, SnapshotRefused, UnknownPeer }
