// Package live runs hosts as processes, looks at what they are made of and what
// they use, and judges whether they kept what they acknowledged. The tests of
// whole clusters share it. It needs Linux: it looks into /proc.
package live
