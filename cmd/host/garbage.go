package main

// garbageRoom is how much garbage a host makes between two collections beside as
// much as it has alive (ADR 0038).
const garbageRoom = 16 << 20

// roomForGarbage returns bytes that make the runtime collect garbage less often, for
// as long as they are kept: they count as alive. Nothing touches them, so they take
// no memory of themselves. If the environment says when to collect, there are none.
func roomForGarbage(getenv func(string) string) []byte {
	if getenv("GOGC") != "" || getenv("GOMEMLIMIT") != "" {
		return nil
	}
	return make([]byte, garbageRoom)
}
