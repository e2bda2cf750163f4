# -DSTOREFS_SANITIZE=address,undefined or =thread. Global on purpose: libraries, programs and tests
# must agree. The first finding ends the program.
set(STOREFS_SANITIZE "" CACHE STRING "Sanitizers to build with, as -fsanitize= takes them")

if(STOREFS_SANITIZE)
	add_compile_options(
		-fsanitize=${STOREFS_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
	add_link_options(-fsanitize=${STOREFS_SANITIZE})
endif()
