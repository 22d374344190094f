package catalog

import (
	"google.golang.org/grpc"

	"github.com/pontoon-raft/pontoon/internal/pluginrecord"
	"github.com/pontoon-raft/pontoon/plugins"
)

// recordedConn is the connection for the calls of the plugin's kind, recorded if the slot has a
// record. Without one there is nothing between the caller and the connection.
func (l *launch) recordedConn(info plugins.Info) (grpc.ClientConnInterface, *pluginrecord.RecordedLife) {
	conn := l.contract()
	if l.slot.recorder == nil {
		return conn, nil
	}
	life := l.slot.recorder.Life(conn, info, l.runner.pid())
	return life, life
}

// Record has the figures of the record of the slot's plugin; nil if it is not recorded.
func (s *Slot) Record() *pluginrecord.Stats {
	if s.recorder == nil {
		return nil
	}
	stats := s.recorder.Stats()
	return &stats
}

// endRecord ends the record, once no process is left.
func (s *Slot) endRecord() {
	if s.recorder != nil {
		s.recorder.Close()
	}
}
