package frames

import (
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
)

// Faults of a frame are told in the statuses that gRPC would use, so that the
// error tables of the adapters see no difference.

// broken reports whether err is the connection's, and not about a frame.
func broken(err error) bool {
	return !errors.Is(err, errTooLarge) && !errors.Is(err, errMalformed) && !errors.Is(err, errEncoding)
}

// errEncoding: a message cannot be encoded, which only its sender can mend.
var errEncoding = errors.New("message cannot be encoded")

// refused is the status of a frame that was not sent, or not taken.
func refused(err error) error {
	if errors.Is(err, errTooLarge) {
		return status.Error(codes.ResourceExhausted, err.Error())
	}
	return status.Error(codes.Internal, err.Error())
}

// message returns m as a message of the plugin wire.
func message(m any) (pluginrpc.Message, error) {
	if msg, ok := m.(pluginrpc.Message); ok {
		return msg, nil
	}
	return nil, status.Errorf(codes.Internal, "%T is no message of the plugin wire", m)
}

// send sends m. broke is the fault of the connection; err is a status, of a message that
// could not be sent for another reason.
func (w *frameWriter) send(m any) (broke, err error) {
	msg, err := message(m)
	if err != nil {
		return nil, err
	}
	switch err := w.message(msg); {
	case err == nil, broken(err):
		return err, nil
	default:
		return nil, refused(err)
	}
}

// decode decodes a payload into m.
func decode(payload []byte, m pluginrpc.Message) error {
	if err := pluginrpc.Decode(payload, m); err != nil {
		return status.Error(codes.Internal, err.Error())
	}
	return nil
}
