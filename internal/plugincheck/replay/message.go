package replay

import "errors"

// A rawMessage travels as the bytes that it is.
type rawMessage struct{ bytes []byte }

// Size implements pluginrpc.Message.
func (m *rawMessage) Size() int { return len(m.bytes) }

var errNoRoom = errors.New("no room for the message")

// MarshalToSizedBuffer implements pluginrpc.Message.
func (m *rawMessage) MarshalToSizedBuffer(b []byte) (int, error) {
	if len(b) < len(m.bytes) {
		return 0, errNoRoom
	}
	return copy(b[len(b)-len(m.bytes):], m.bytes), nil
}

// Unmarshal implements pluginrpc.Message.
func (m *rawMessage) Unmarshal(b []byte) error {
	m.bytes = append([]byte(nil), b...)
	return nil
}

// A message is one of the plugin wire, of which the bytes are known.
type message interface {
	Marshal() ([]byte, error)
	Unmarshal([]byte) error
}
