package replay

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
)

// textBytes is how much of a text is shown.
const textBytes = 300

// shown are bytes for people: quoted as text if most of them are printable, else as hex digits.
func shown(b []byte) string { return cut(b, textBytes) }

// briefly shows less of them.
func briefly(b []byte) string { return cut(b, textBytes/5) }

// clipped is a text of which the end is left out if it is long.
func clipped(text string) string {
	if len(text) <= textBytes/3 {
		return text
	}
	return strings.ToValidUTF8(text[:textBytes/3], "") + "…"
}

func cut(b []byte, most int) string {
	begin := b[:min(len(b), most)]
	text := fmt.Sprintf("%q", begin)
	if !isText(begin) {
		begin = begin[:min(len(begin), most/2)]
		text = fmt.Sprintf("%x", begin)
	}
	if len(begin) < len(b) {
		text += fmt.Sprintf("… (%d bytes)", len(b))
	}
	return text
}

// isText tells whether at least half of the bytes are printable.
func isText(b []byte) bool {
	printable := 0
	for _, r := range string(b) {
		if r != utf8.RuneError && (unicode.IsPrint(r) || unicode.IsSpace(r)) {
			printable += utf8.RuneLen(r)
		}
	}
	return 2*printable >= len(b)
}

// statusText is a status for people.
func statusText(st *status.Status) string {
	text := fmt.Sprintf("status %s: %s", st.Code(), shown([]byte(st.Message())))
	if all := reasons(st); all != "" {
		text += " (" + all + ")"
	}
	return text
}

// reasons are those that a status has in its details.
func reasons(st *status.Status) string {
	var all []string
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			all = append(all, info.GetReason())
		}
	}
	return strings.Join(all, " ")
}

// shortMethod is the name of a method without that of its service.
func shortMethod(method string) string { return method[strings.LastIndexByte(method, '/')+1:] }
