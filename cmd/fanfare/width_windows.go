package main

import (
	"os"

	"golang.org/x/sys/windows"
)

// columnsOf is how many characters wide a console is; 0 if it does not say.
func columnsOf(stream any) int {
	f, ok := stream.(*os.File)
	if !ok {
		return 0
	}
	var console windows.ConsoleScreenBufferInfo
	if err := windows.GetConsoleScreenBufferInfo(windows.Handle(f.Fd()), &console); err != nil {
		return 0
	}
	return int(console.Window.Right-console.Window.Left) + 1
}
