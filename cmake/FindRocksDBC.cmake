# RocksDB's C API: header and library, without its own CMake package (absent from some releases).
find_path(RocksDBC_INCLUDE_DIR rocksdb/c.h)
find_library(RocksDBC_LIBRARY rocksdb)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(RocksDBC REQUIRED_VARS RocksDBC_LIBRARY RocksDBC_INCLUDE_DIR)
if(RocksDBC_FOUND AND NOT TARGET RocksDBC::rocksdb)
	add_library(RocksDBC::rocksdb UNKNOWN IMPORTED)
	set_target_properties(RocksDBC::rocksdb PROPERTIES
		IMPORTED_LOCATION ${RocksDBC_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${RocksDBC_INCLUDE_DIR})
endif()
