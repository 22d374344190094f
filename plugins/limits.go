package plugins

// The sizes that every member, host and plugin of protocol version 1 accepts.
// These are constants and not settings: an entry that one member admitted is
// read by all others, whatever they are configured with, and by itself after
// its settings were lowered. Hosts refuse settings above them.
const (
	// MaxValueBytes is the largest value of a proposal.
	MaxValueBytes = 32 << 20
	// EntryHeaderBytes is the room for the host's own header in an entry.
	EntryHeaderBytes = 4 << 10
	// MaxBatchBytes and MaxChunkBytes are the largest values of the fields
	// of Limits with these names.
	MaxBatchBytes = 16 << 20
	MaxChunkBytes = 1 << 20
	// MaxBatchEntries is the most entries that a state machine is given in
	// one batch, however small they are.
	MaxBatchEntries = 4096
	// MaxResultBytes is the largest result of one entry, data and error
	// together, and the most results of one part of an answer.
	MaxResultBytes = 1 << 20
	// MaxBusyBytes is the longest name of a plugin's work.
	MaxBusyBytes = 128
	// MaxStateHashBytes is the longest hash of a state.
	MaxStateHashBytes = 64
	// MaxHeldResultBytes is the most that is held of the results of one
	// batch.
	MaxHeldResultBytes = 64 << 20
)

// Limits hold at both ends of every call. Zero values are replaced by those
// of DefaultLimits before a plugin sees them.
//
// Those that begin with Max are what the receiving end must be able to take.
// A host opens its plugins with those of ProtocolLimits, whatever it is
// configured with; memory is allocated for what arrives and never for them. The
// others are the sizes that this host, and each plugin that it opened, makes
// its own batches and chunks of.
type Limits struct {
	// MaxEntryBytes is the largest data of one entry.
	MaxEntryBytes uint64
	// MaxBatchBytes is the most bytes of entries in one batch or message; a
	// single entry may be larger and then travels alone.
	MaxBatchBytes uint64
	// MaxChunkBytes is the largest chunk of a snapshot stream.
	MaxChunkBytes uint64
	// SendBatchBytes and SendChunkBytes are the sizes to send; 0 means the
	// largest.
	SendBatchBytes, SendChunkBytes uint64
}

// ProtocolLimits are the constants of the protocol version, with the sizes that
// a host is configured to send. Every host opens its plugins with them.
func ProtocolLimits(sendBatch, sendChunk uint64) Limits {
	return Limits{
		MaxEntryBytes: MaxValueBytes + EntryHeaderBytes, MaxBatchBytes: MaxBatchBytes, MaxChunkBytes: MaxChunkBytes,
		SendBatchBytes: sendBatch, SendChunkBytes: sendChunk,
	}
}

// DefaultLimits stand for limits that are zero, and are those that the
// conformance kits open plugins with: an entry of 1.5 MiB with room for the
// host's own header, batches of 1 MiB, chunks of 256 KiB.
func DefaultLimits() Limits {
	return Limits{MaxEntryBytes: 3<<19 + EntryHeaderBytes, MaxBatchBytes: 1 << 20, MaxChunkBytes: 256 << 10}
}

// MaxMessageBytes is the size that the receiving end of a plugin connection
// must accept: a full batch, or one entry or result, and what surrounds it.
func (l Limits) MaxMessageBytes() int {
	return int(max(l.MaxEntryBytes, l.MaxBatchBytes, l.MaxChunkBytes, MaxResultBytes)) + int(l.MaxBatchBytes) + 64<<10
}

// BatchBytes is where to close a batch that is to be sent.
func (l Limits) BatchBytes() uint64 { return sendSize(l.SendBatchBytes, l.MaxBatchBytes) }

// ChunkBytes is the size of chunks to send, and of the buffers for them.
func (l Limits) ChunkBytes() uint64 { return sendSize(l.SendChunkBytes, l.MaxChunkBytes) }

func sendSize(size, most uint64) uint64 {
	if size == 0 {
		return most
	}
	return min(size, most)
}
