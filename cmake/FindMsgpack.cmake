# msgpack-c: only its header templates are used (packing and the unpack template), so no library
# is linked. The .pc file of some releases names targets that break imported targets.
find_path(Msgpack_INCLUDE_DIR msgpack/unpack_template.h)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Msgpack REQUIRED_VARS Msgpack_INCLUDE_DIR)
if(Msgpack_FOUND AND NOT TARGET Msgpack::headers)
	add_library(Msgpack::headers INTERFACE IMPORTED)
	set_target_properties(Msgpack::headers PROPERTIES
		INTERFACE_SYSTEM_INCLUDE_DIRECTORIES ${Msgpack_INCLUDE_DIR})
endif()
