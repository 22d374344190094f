package sdk

import "os"

// commBytes is how much of a process's name Linux keeps.
const commBytes = 15

// nameProcess lets ps, top and the kernel's own messages say which plugin a
// process is. A host executes a plugin by a descriptor, and the kernel takes
// the descriptor's number for the name.
func nameProcess(plugin string) error {
	name := "pontoon-" + plugin
	return os.WriteFile("/proc/self/comm", []byte(name[:min(len(name), commBytes)]), 0)
}
