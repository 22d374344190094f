package hostconfig

import "slices"

// NumericKeys lists the settings that are numbers, sizes or durations, in the
// order of their names. Members may differ in all but the ids; the tests hold a
// table of them against this list.
func NumericKeys() []string {
	var keys []string
	for _, s := range settings(newConfig()) {
		switch s.value.(type) {
		case idValue, countValue, intValue, sizeValue[int], sizeValue[int64], sizeValue[uint64], durationValue:
			keys = append(keys, s.key)
		}
	}
	slices.Sort(keys)
	return keys
}
