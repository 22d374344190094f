package pluginrecord

import (
	"bufio"
	"encoding/binary"
	"hash/crc32"
	"os"
	"time"
)

// A writer is the goroutine of a Recorder, with all that it alone uses.
type writer struct {
	*Recorder
	table  *crc32.Table
	file   *os.File
	out    *bufio.Writer
	number uint64 // of the file
	head   []byte
	bytes  uint64 // of the present batch
}

// run writes until the recorder is closed, and then what is left.
func (r *Recorder) run() {
	defer close(r.done)
	w := &writer{Recorder: r, table: checksum()}
	defer w.close()
	for {
		select {
		case <-r.wake:
			w.batch()
		case <-r.quit:
			w.batch()
			return
		}
	}
}

// batch writes what waits.
func (w *writer) batch() {
	for items := w.take(); len(items) > 0; items = w.take() {
		w.bytes = 0
		err := w.write(items)
		if err != nil {
			w.close()
		}
		w.wrote(items, w.bytes, err)
	}
}

func (w *writer) write(items []item) error {
	for i := range items {
		if items[i].renew {
			if err := w.renewFile(); err != nil {
				return err
			}
			continue
		}
		if err := w.event(&items[i].Event); err != nil {
			return err
		}
	}
	if w.file == nil {
		return nil
	}
	return w.out.Flush()
}

// event writes an event with its length and its checksum.
func (w *writer) event(e *Event) error {
	w.head = e.appendHead(append(w.head[:0], make([]byte, frameBytes)...))
	sum := crc32.Update(crc32.Checksum(w.head[frameBytes:], w.table), w.table, e.Message)
	length := len(w.head) - frameBytes + len(e.Message)
	binary.LittleEndian.PutUint32(w.head, uint32(length))
	binary.LittleEndian.PutUint32(w.head[4:], sum)
	if _, err := w.out.Write(w.head); err != nil {
		return err
	}
	_, err := w.out.Write(e.Message)
	w.bytes += uint64(frameBytes + length)
	return err
}

// renewFile begins the next file.
func (w *writer) renewFile() error {
	if w.file != nil {
		if err := w.out.Flush(); err != nil {
			return err
		}
	}
	w.close()
	file, err := nextFile(w.options)
	if err != nil {
		return err
	}
	w.number++
	w.file, w.out = file, bufio.NewWriterSize(file, 256<<10)
	if _, err := w.out.WriteString(magic); err != nil {
		return err
	}
	w.bytes += uint64(len(magic))
	return w.event(&Event{
		Kind: Header, Time: time.Now(), Series: w.series, Number: w.number,
		Plugin: string(w.of.Kind), Host: w.of.Host,
	})
}

func (w *writer) close() {
	if w.file != nil {
		_ = w.file.Close() // what counts was flushed
		w.file = nil
	}
}
