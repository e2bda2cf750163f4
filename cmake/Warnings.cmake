# One interface target for warnings: link it PRIVATE.
add_library(warnings INTERFACE)
target_compile_options(warnings INTERFACE
	-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wcast-qual
	-Wwrite-strings -Wundef -Wvla -Wformat=2 -Wswitch-enum -Wnull-dereference -Wimplicit-fallthrough)
