package reach

import (
	"maps"
	"strconv"
	"time"
)

// Learned notes, in those words, that a sender called that the host has not named,
// and where it can be reached, if it has said so. Each of them has a line in a
// minute, and few have one: callers under ever new numbers would fill the log.
func (l *Log) Learned(sender uint64, words, url string) {
	if !l.noteCaller(sender, time.Now()) {
		return
	}
	attrs := []any{"peer", strconv.FormatUint(sender, 16)}
	if url != "" {
		attrs = append(attrs, "url", url)
	}
	l.logger.Info(words, attrs...)
}

func (l *Log) noteCaller(sender uint64, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.callers, func(_ uint64, at time.Time) bool { return now.Sub(at) >= quiet })
	if _, lately := l.callers[sender]; lately || len(l.callers) >= maxStrangers {
		return false
	}
	l.callers[sender] = now
	return true
}
