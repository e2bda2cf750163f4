# Flags of a build that is going to be used: each is tried first, because compilers and processors
# differ. Global on purpose: a program is as hard as its softest object file.
include(CheckCCompilerFlag)
include(CheckLinkerFlag)
include(CheckPIESupported)

option(STOREFS_HARDEN "Compile and link with hardening flags (needs optimisation)" OFF)
check_pie_supported(LANGUAGES C)

if(STOREFS_HARDEN)
	foreach(flag
			-fstack-protector-strong -fstack-clash-protection -fcf-protection=full
			-ftrivial-auto-var-init=zero)
		string(MAKE_C_IDENTIFIER "HAVE${flag}" have)
		check_c_compiler_flag(${flag} ${have})
		if(${have})
			add_compile_options(${flag})
		endif()
	endforeach()
	add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
	foreach(flag -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
		string(MAKE_C_IDENTIFIER "HAVE${flag}" have)
		check_linker_flag(C ${flag} ${have})
		if(${have})
			add_link_options(${flag})
		endif()
	endforeach()
endif()
