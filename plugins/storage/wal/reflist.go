package wal

// pageRefs is how many refs are allocated, and given up, together.
const pageRefs = 1024

// refList is a queue of values of entryRef that also shrinks at its end. It lives in
// pages, so that a long log grows without copying what is there.
type refList struct {
	pages []*[pageRefs]entryRef
	head  int // place of the first ref in pages[0]
	n     int
}

func (l *refList) len() int { return l.n }

func (l *refList) at(i int) entryRef {
	i += l.head
	return l.pages[i/pageRefs][i%pageRefs]
}

func (l *refList) push(r entryRef) {
	i := l.head + l.n
	if i/pageRefs == len(l.pages) {
		l.pages = append(l.pages, new([pageRefs]entryRef))
	}
	l.pages[i/pageRefs][i%pageRefs] = r
	l.n++
}

// truncate keeps the first n refs.
func (l *refList) truncate(n int) {
	l.n = n
	used := (l.head + n + pageRefs - 1) / pageRefs
	if keep := min(used+1, len(l.pages)); keep < len(l.pages) { // one page stays for what comes next
		clear(l.pages[keep:])
		l.pages = l.pages[:keep]
	}
}

// drop gives up the first n refs.
func (l *refList) drop(n int) {
	l.head += n
	l.n -= n
	whole := l.head / pageRefs
	clear(l.pages[:min(whole, len(l.pages))])
	l.pages = l.pages[min(whole, len(l.pages)):]
	l.head -= whole * pageRefs
	if len(l.pages) == 0 {
		l.pages, l.head = nil, 0
	}
}

// appendTo appends the refs [from,to) to dst.
func (l *refList) appendTo(dst []entryRef, from, to int) []entryRef {
	for from < to {
		i := l.head + from
		n := min(to-from, pageRefs-i%pageRefs)
		dst = append(dst, l.pages[i/pageRefs][i%pageRefs:][:n]...)
		from += n
	}
	return dst
}
