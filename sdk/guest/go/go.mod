module ameide.dev/extension

go 1.23
