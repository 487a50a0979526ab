/* The bundle, as BUNDLE names it, with the NUL that the engine wants behind it. */
	.section .rodata
	.global bundle
	.global bundle_end
bundle:
	.incbin BUNDLE
bundle_end:
	.byte 0
	.section .note.GNU-stack,"",%progbits
