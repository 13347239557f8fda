module extensions.local/lab

go 1.23

require ameide.dev/extension v1.0.0
