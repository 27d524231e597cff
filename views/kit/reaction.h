/*
 * What a handler asks of the event loop. Handlers change their own state and return a set of these
 * bits; they never draw, so that a burst of keys costs one frame.
 */
#ifndef BW_VIEWS_KIT_REACTION_H
#define BW_VIEWS_KIT_REACTION_H

typedef unsigned bw_reaction;

enum {
    BW_REACT_NONE = 0,          /* not mine: offer the event to the next handler */
    BW_REACT_HANDLED = 1u << 0, /* taken; nothing on the screen changed */
    BW_REACT_REDRAW = 1u << 1,  /* taken; draw a new frame */
    BW_REACT_SELECT = 1u << 2,  /* the selected row changed */
    BW_REACT_CHANGE = 1u << 3,  /* the text of a prompt changed */
    BW_REACT_ACCEPT = 1u << 4,  /* enter: open the row, submit the prompt, confirm the dialog */
    BW_REACT_CANCEL = 1u << 5,  /* the prompt or dialog was abandoned */
};

#endif
